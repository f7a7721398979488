"""Every decoder against bytes nobody would send: `python -m fuzz --help`."""
