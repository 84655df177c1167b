from tigrest import Handler


class Broken(Handler):
    schedule = 30

    async def on_schedule(self, service):
        pass
