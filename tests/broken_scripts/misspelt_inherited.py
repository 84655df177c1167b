from tigrest import Handler


class Guarded:
    require_role = "admin"


class Broken(Guarded, Handler):
    regex = "/misspelt_inherited"

    def exec_get(self):
        return {}
