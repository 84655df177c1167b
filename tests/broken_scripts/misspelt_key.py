from tigrest import Handler


class Broken(Handler):
    regex = "/misspelt_key"
    api_key = True

    def exec_get(self):
        return {}
