from tigrest import Handler


class Broken(Handler):
    regex = "/bad_key_use"
    idempotencyKey = "mine"

    def exec_post(self):
        return {}
