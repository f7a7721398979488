"""Reports of a scan: JSON lines, CSV, SARIF and HTML.

Each writer takes the assessed hosts one after the other and an open text file. What a host says
of itself can't break out of any of them: it is escaped as the format has it.
"""

from nethood.exposure.report.html import write_html
from nethood.exposure.report.json_lines import JsonLines, write_json_lines
from nethood.exposure.report.sarif import write_sarif
from nethood.exposure.report.table import write_csv

__all__ = ["JsonLines", "write_csv", "write_html", "write_json_lines", "write_sarif"]
