from tigrest import Handler, Match


class Broken(Handler):
    match = Match(type="subscribe")

    def on_message(self, body):
        return body
