from tigrest import Handler


class Broken(Handler):
    schedule = "*/5 * * * * *"

    async def on_schedule(self, service):
        pass
