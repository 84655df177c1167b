from tigrest import Handler


class Broken(Handler):
    uri = "/msg/"

    def exec_get(self):
        return {}
