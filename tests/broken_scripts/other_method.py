from tigrest import Handler


class Broken(Handler):
    regex = "/other_method"

    def exec_get(self):
        return {}

    def exec_options(self):
        return {}
