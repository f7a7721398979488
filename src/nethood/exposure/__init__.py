"""What answers on 137, 138, 139 and 445, and the truth about it: probes, findings, scans."""
