from tigrest import Handler


class Broken(Handler):
    uri = "/msg"

    def on_message(self, body):
        return body
