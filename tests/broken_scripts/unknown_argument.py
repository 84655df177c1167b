from tigrest import Handler


class Broken(Handler):
    regex = "/unknown_argument"

    def exec_get(self, service, contnet):
        return {}
