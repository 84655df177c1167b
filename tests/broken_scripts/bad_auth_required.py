from tigrest import Handler


class Broken(Handler):
    regex = "/bad_auth_required"
    requiredRole = "user"
    authRequired = True

    def exec_get(self):
        return {}
