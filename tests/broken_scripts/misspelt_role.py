from tigrest import Handler


class Broken(Handler):
    regex = "/misspelt_role"
    required_role = "admin"

    def exec_get(self):
        return {}
