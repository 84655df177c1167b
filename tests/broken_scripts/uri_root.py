from tigrest import Handler


class Broken(Handler):
    regex = "/x"
    uri = "/"

    def exec_get(self):
        return {}
