from tigrest import Handler


class Broken(Handler):
    schedule = "61 * * * *"

    async def on_schedule(self, service):
        pass
