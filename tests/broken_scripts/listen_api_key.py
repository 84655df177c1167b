from tigrest import Handler, Match


class Broken(Handler):
    apiKey = True

    def on_message(self, body):
        return body
