from tigrest import Handler


class Broken(Handler):
    regex = "no_slash"

    def exec_get(self):
        return None
