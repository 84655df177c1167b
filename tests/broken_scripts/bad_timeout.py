from tigrest import Handler


class Broken(Handler):
    regex = "/bad_timeout"
    timeout = -1

    def exec_get(self):
        return {}
