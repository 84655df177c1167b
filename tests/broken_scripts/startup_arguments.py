from tigrest import Handler


class Broken(Handler):
    regex = "/startup_arguments"

    async def startup(self):
        pass

    def exec_get(self):
        return None
