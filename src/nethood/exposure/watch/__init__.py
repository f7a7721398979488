"""Watch that the ports stay closed: a policy, what it expects of hosts, and who is told.

policy.py reads the file; expect.py judges a report; machine.py decides what is confirmed and
what is told; alerts/ tells it. Of these only alerts/ touches a network.
"""
