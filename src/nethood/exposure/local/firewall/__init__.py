"""Whether a firewall lets a new packet in: rules are read, and judged without guessing.

`rules_from_nft` and `rules_from_iptables` make a `Ruleset`, `judge` follows a `Packet` through it.
"""

from nethood.exposure.local.firewall.iptables import rules_from_iptables
from nethood.exposure.local.firewall.judge import judge
from nethood.exposure.local.firewall.model import Access, Packet, Ruleset, Verdict
from nethood.exposure.local.firewall.nft import rules_from_nft

__all__ = [
    "Access",
    "Packet",
    "Ruleset",
    "Verdict",
    "judge",
    "rules_from_iptables",
    "rules_from_nft",
]
