from tigrest import Handler


class Broken(Handler):
    regex = r"([^/]+)"

    def exec_get(self, name):
        return name
