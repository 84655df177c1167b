from tigrest import Handler


class Broken(Handler):
    uri = "/rest/../msg"

    def exec_get(self):
        return {}
