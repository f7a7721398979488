"""Closing ports 137 to 139 and 445: plan, apply, verify, undo.

`plan` decides and changes nothing; `apply`, `undo` and `confirm` are the only ones that change
this machine, through a `runner` and with every undo in the `journal` before its step.
"""
