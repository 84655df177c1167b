from tigrest import Handler


class Broken(Handler):
    regex = "/misspelt_method"

    def exec_get(self):
        return {}

    def exec_POST(self):
        return {}
