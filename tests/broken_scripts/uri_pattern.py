from tigrest import Handler


class Broken(Handler):
    regex = ""
    uri = "/msg/{jid}"

    def exec_get(self):
        return {}
