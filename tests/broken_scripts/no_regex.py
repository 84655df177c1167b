from tigrest import Handler


class Broken(Handler):
    def exec_get(self):
        return {}
