from tigrest import Handler


class Broken(Handler):
    regex = "/bad_template"

    def exec_get(self):
        return {}
