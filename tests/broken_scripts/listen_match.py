from tigrest import Handler, Match


class Broken(Handler):
    match = {"local": "echo"}

    def on_message(self, body):
        return body
