from tigrest import Handler


class Broken(Handler):
    regex = "/startup_def"

    def startup(self, service):
        pass

    def exec_get(self):
        return None
