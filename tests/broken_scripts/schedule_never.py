from tigrest import Handler


class Broken(Handler):
    schedule = "0 0 31 2 *"

    async def on_schedule(self, service):
        pass
