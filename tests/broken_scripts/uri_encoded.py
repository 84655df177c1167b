from tigrest import Handler


class Broken(Handler):
    uri = "/a%20b"

    def exec_get(self):
        return {}
