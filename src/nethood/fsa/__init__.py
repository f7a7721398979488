"""[MS-FSA]: who may open what with whom, above any store.

Pure decisions over open files: names (names), search patterns (patterns), the numbers of a CREATE
(create), share modes (sharing), opens, deletion and renaming (opens, table), byte-range locks
(locks) and change notification (notify).
"""
