from tigrest import Handler


class Broken(Handler):
    regex = "/user_without_role"

    def exec_get(self, user):
        return {}
