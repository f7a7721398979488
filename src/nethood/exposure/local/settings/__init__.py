"""How this machine is set up for file sharing: Samba, systemd's units, the Windows registry."""
