"""The Windows settings that are more than registry values: their PowerShell, and its undo."""

from __future__ import annotations

from nethood.exposure.harden.platforms.powershell import (
    READ_RECORD,
    RECORDS,
    WRITE_RECORD,
    block,
    record,
)

_ONCE = (
    "if (-not (Test-Path -LiteralPath $record)) {\n"
    + "".join(f"    {line}\n" for line in WRITE_RECORD.splitlines())
    + "}\n"
)
_DONE = "Remove-Item -LiteralPath $record\n"

_GUEST = "$guest = Get-LocalUser | Where-Object { $_.SID.Value -like 'S-1-5-21-*-501' }\n"

GUEST_OFF = block(
    record("windows-guest-account")
    + _GUEST
    + """\
if ($null -eq $guest) { throw 'There is no guest account of this computer.' }
$before = @{ Enabled = [bool] $guest.Enabled }
"""
    + _ONCE
    + "Disable-LocalUser -SID $guest.SID\n"
)

GUEST_UNDO = block(
    record("windows-guest-account")
    + READ_RECORD
    + _GUEST
    + "if ($before.Enabled) { Enable-LocalUser -SID $guest.SID }\n"
    + _DONE
)

_INTERFACES = """\
$root = 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\NetBT\\Parameters\\Interfaces'
function Set-Netbios($Adapter, [uint32] $Option) {
    $set = @{ MethodName = 'SetTcpipNetbios'; Arguments = @{ TcpipNetbiosOptions = $Option } }
    $done = $Adapter | Invoke-CimMethod @set
    if ($done.ReturnValue -eq 1) { Write-Warning 'Windows has to be restarted.' }
    if ($done.ReturnValue -gt 1) {
        Write-Warning "$($Adapter.Description): error $($done.ReturnValue)"
    }
}
$adapters = @(Get-CimInstance Win32_NetworkAdapterConfiguration -Filter 'IPEnabled = True')
"""

NETBT_OFF = block(
    record("windows-netbt")
    + _INTERFACES
    + """\
$known = @{}
if (Test-Path -LiteralPath $record) {
    $earlier = Get-Content -LiteralPath $record -Raw | ConvertFrom-Json
    foreach ($was in @($earlier.Interfaces)) { $known[$was.Name] = $was.Option }
}
foreach ($key in Get-ChildItem -LiteralPath $root) {
    if (-not $known.ContainsKey($key.PSChildName)) {
        $known[$key.PSChildName] = $key.GetValue('NetbiosOptions')
    }
}
$before = @{ Interfaces = @() }
foreach ($name in $known.Keys) { $before.Interfaces += @{ Name = $name; Option = $known[$name] } }
"""
    + WRITE_RECORD
    + """\
foreach ($adapter in $adapters) { Set-Netbios $adapter 2 }
foreach ($key in Get-ChildItem -LiteralPath $root) {
    Set-ItemProperty -LiteralPath $key.PSPath -Name NetbiosOptions -Type DWord -Value 2
}
"""
)

NETBT_UNDO = block(
    record("windows-netbt")
    + READ_RECORD
    + _INTERFACES
    + """\
foreach ($was in @($before.Interfaces)) {
    $key = Join-Path $root $was.Name
    if (-not (Test-Path -LiteralPath $key)) { continue }
    $adapter = $adapters | Where-Object { "Tcpip_$($_.SettingID)" -eq $was.Name }
    if ($adapter) { Set-Netbios $adapter ([uint32] $was.Option) }
    if ($null -eq $was.Option) {
        Remove-ItemProperty -LiteralPath $key -Name NetbiosOptions
    }
    else {
        Set-ItemProperty -LiteralPath $key -Name NetbiosOptions -Type DWord -Value $was.Option
    }
}
"""
    + _DONE
)

_NETBT_KEY = r"HKLM\SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces"
_NETBT_SET = 'reg add "%i" /v NetbiosOptions /t REG_DWORD /d 2 /f'
_NETBT_FILE = rf"{RECORDS}\windows-netbt.reg"

NETBT_OFF_CMD = f"""\
rem Typed into cmd.exe; in a .bat file every %i is %%i.
if not exist "{RECORDS}" mkdir "{RECORDS}"
if not exist "{_NETBT_FILE}" reg export "{_NETBT_KEY}" "{_NETBT_FILE}"
for /f "tokens=*" %i in ('reg query "{_NETBT_KEY}"') do {_NETBT_SET}
"""

NETBT_UNDO_CMD = f"""\
reg import "{_NETBT_FILE}"
del "{_NETBT_FILE}"
"""

_FEATURES = """\
$features = @(Get-WindowsOptionalFeature -Online | Where-Object {
    $_.FeatureName -like 'SMB1Protocol*' -and "$($_.State)" -eq 'Enabled'
})
"""

SMB1_CLIENT_OFF = block(
    record("windows-smb1-client")
    + _FEATURES
    + "$before = @{ Features = @($features | ForEach-Object { $_.FeatureName }) }\n"
    + _ONCE
    + """\
foreach ($feature in $features) {
    $off = @{ Online = $true; FeatureName = $feature.FeatureName; NoRestart = $true }
    Disable-WindowsOptionalFeature @off | Out-Null
}
if ($features.Count -gt 0) { Write-Warning 'Restart Windows to finish removing SMB1.' }
"""
)

SMB1_CLIENT_UNDO = block(
    record("windows-smb1-client")
    + READ_RECORD
    + """\
foreach ($name in @($before.Features)) {
    $on = @{ Online = $true; FeatureName = $name; All = $true; NoRestart = $true }
    Enable-WindowsOptionalFeature @on | Out-Null
}
"""
    + _DONE
)
