"""Nothing leaves this machine, from a process that a test starts or from a lesson's kernel."""

ASK = """
import socket, urllib.request
for ask in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=5),
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: urllib.request.urlopen("https://example.org", timeout=5),
):
    try:
        ask()
    except OSError as error:
        print("refused" if "nothing may leave this machine" in str(error) else error)
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=5).close()
print("loopback works")
"""
ANSWER = "refused\nrefused\nrefused\nloopback works\n"


def test_this_process_reaches_no_other_machine(capsys):
    exec(ASK, {})
    assert capsys.readouterr().out == ANSWER


def test_a_process_reaches_no_other_machine(run_python):
    assert run_python("-c", ASK).stdout == ANSWER


def test_a_kernel_reaches_no_other_machine(kernel):
    printed = []
    kernel[1].execute_interactive(ASK, timeout=60, output_hook=printed.append)
    texts = [message["content"]["text"] for message in printed if message["msg_type"] == "stream"]
    assert "".join(texts) == ANSWER
