from tigrest import Handler


class Broken(Handler):
    regex = "/shutdown_arguments"

    async def shutdown(self, service):
        pass

    def exec_get(self):
        return None
