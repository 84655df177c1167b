from tigrest import Handler


class Broken(Handler):
    async def on_schedule(self, service):
        pass
