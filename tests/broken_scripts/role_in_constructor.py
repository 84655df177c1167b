from tigrest import Handler


class Broken(Handler):
    regex = "/role_in_constructor"

    def __init__(self):
        self.requiredRole = "admin"

    def exec_get(self):
        return {}
