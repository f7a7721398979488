"""WS-Discovery and the metadata behind it, pure: how Explorer finds a computer.

WS-Discovery (April 2005), SOAP-over-UDP, Devices Profile (February 2006), [MS-PBSD].
Sockets, clocks and chance are the neighborhood's.
"""
