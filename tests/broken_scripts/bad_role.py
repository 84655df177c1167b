from tigrest import Handler


class Broken(Handler):
    regex = "/bad_role"
    requiredRole = "root"

    def exec_get(self):
        return {}
