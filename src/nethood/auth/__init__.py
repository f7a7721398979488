"""Who is at the other end: NTLM in SPNEGO, as the accepting side, and the user database.

The NTLM acceptor is written here against [MS-NLMP] and its published values: an acceptor of a
library wants its users in a file or environment of its own, and answers with one error for
everything, where a refused login has to say who, why and what to change.
"""
