from tigrest import Handler


class Broken(Handler):
    regex = "/auth_required_async"

    async def authRequired(self, api_key):
        return False

    def exec_get(self):
        return None
