from tigrest import Handler, Match


class Broken(Handler):
    match = Match(local="echo@here")

    def on_message(self, body):
        return body
