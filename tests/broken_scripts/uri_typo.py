from tigrest import Handler


class Broken(Handler):
    regex = "/uri_typo"
    url = "/msg"

    def exec_get(self):
        return {}
