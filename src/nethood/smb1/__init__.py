"""[MS-CIFS] and [MS-SMB], pure: what is said to learn whether SMB1 is on, in both directions."""
