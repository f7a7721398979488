"""Ciphers, signatures and key derivation: the only importer of ``cryptography``.

A leaf: it knows keys, bytes and the SMB2 numeric ids of algorithms, and nothing of sessions.
"""
