"""[MS-CIFS] and [MS-SMB], pure: what a client must say to learn whether SMB1 is on."""
