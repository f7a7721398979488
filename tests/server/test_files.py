from tests.server.harness import Harness
def test_x(harness: Harness):
    c = harness.login()
    c.put("a.txt", b"hello")
    assert c.get("a.txt") == b"hello"
    assert c.names() == ["a.txt"]
