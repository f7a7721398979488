#!/bin/bash
# Have the programs nethood is tested against. As root on a Debian system the missing ones are
# installed; otherwise they are named, and their tests are skipped visibly. With CI=true a
# missing peer is a failure.
set -euo pipefail

# What to look for (a command, or a file where the name has a slash) and the package it is in.
peers=(
    "smbclient smbclient"
    "rpcclient smbclient"
    "smbget smbclient"
    "smbd samba"
    "net samba-common-bin"
    "smbtorture samba-testsuite"
    "nmbd samba"
    "nmblookup samba-common-bin"
    "nbtscan nbtscan"
    "wsdd wsdd"
    "avahi-browse avahi-utils"
    "avahi-daemon avahi-daemon"
    "dbus-daemon dbus-daemon"
    "sysctl procps"
    "rclone rclone"
    "nmap nmap"
    "tshark tshark"
    "ntlm_auth winbind"
    "chromium chromium"
    "npm npm"
    "/usr/lib/postgresql postgresql"
    "gcc gcc"
    "pkg-config pkg-config"
    "ip iproute2"
    "nft nftables"
    "iptables iptables"
    "ufw ufw"
    "firewalld firewalld"
    "setpriv util-linux"
    "/usr/include/samba-4.0/libsmbclient.h libsmbclient-dev"
    "/usr/include/stdio.h libc6-dev"
)

policy=/usr/sbin/policy-rc.d
PATH=$PATH:/usr/sbin:/sbin

present() {
    case $1 in
        */*) [ -e "$1" ] ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing_packages() {
    local line
    for line in "${peers[@]}"; do
        present "${line% *}" || echo "${line#* }"
    done | sort -u
}

missing=$(missing_packages)
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing the test peers:" $missing
    export DEBIAN_FRONTEND=noninteractive
    if [ ! -e "$policy" ]; then
        # Installing samba would start smbd on this machine's ports; the tests start their own.
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    apt-get update -qq </dev/null &&
        apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null ||
        echo "apt-get could not install all of them" >&2
    missing=$(missing_packages)
    [ -z "$missing" ] && exit 0
fi

echo "missing test peers, their tests are skipped; on Debian: apt install" $missing >&2
[ "${CI:-}" != true ]
