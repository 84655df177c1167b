from tigrest import Handler


class Broken(Handler):
    regex = "/yields_in_a_thread"

    def exec_get(self):
        yield "a"
