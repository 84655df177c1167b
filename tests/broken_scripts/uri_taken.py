from tigrest import Handler


class Broken(Handler):
    uri = "/health/mine"

    def exec_get(self):
        return {}
